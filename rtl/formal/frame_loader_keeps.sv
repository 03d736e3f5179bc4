// frame_loader_keeps: every beat that is taken becomes one tag write or one row of the right numbers, none is lost.
//
//   ready does not depend on valid, and nothing is taken while idle or after a frame that is none
//   the first beat of a pair is its tags, the others are features, in order
//   a feature is, two clocks later, one row of token + position, shifted, for either lane; no other rows come
//   the frame ends with tlast behind a whole pair, if a lane reports; anything else is an error, at once
//
// By induction, so for frames of any length.
`default_nettype none

module frame_loader_keeps (
    input wire        clk_i,
    input wire        rst_ni,
    input wire        start_i,
    input wire        active_i,
    input wire [31:0] tdata_i,
    input wire        tvalid_i,
    input wire        tlast_i
);
  (* anyconst *) wire [11:0] features;
  (* anyconst *) wire [2:0] shift;
  wire begun, done, wrong, tready, tag_write, tag_first, row, wrap;
  wire [2:0] pair;
  wire [11:0] tags;
  wire signed [23:0] even, odd;
  (* hierconn *) wire \dut.in_features_q ;
  (* hierconn *) wire [11:0] \dut.feature_q ;
  (* hierconn *) wire [11:0] \dut.final_q ;
  (* hierconn *) wire \dut.reported_q ;

  frame_loader #(
      .Lanes(16)
  ) dut (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .start_i(start_i),
      .active_i(active_i),
      .features_i(features),
      .shift_i(shift),
      .begun_o(begun),
      .done_o(done),
      .wrong_o(wrong),
      .s_axis_tdata(tdata_i),
      .s_axis_tvalid(tvalid_i),
      .s_axis_tready(tready),
      .s_axis_tlast(tlast_i),
      .tag_write_o(tag_write),
      .tag_first_o(tag_first),
      .pair_o(pair),
      .tags_o(tags),
      .row_o(row),
      .wrap_o(wrap),
      .start_even_o(even),
      .start_odd_o(odd)
  );

  // The beat's place in the frame.
  wire beat = tvalid_i && tready;
  reg [2:0] at_pair;
  reg [11:0] at; // 0: tags
  reg reported, broken, first;
  wire whole = at == features;
  wire reports = tdata_i[5] || tdata_i[13];
  wire good_end = whole && reported;
  wire signed [23:0] token_even = $signed(tdata_i[7:0]);
  wire signed [23:0] place_even = $signed(tdata_i[15:8]);
  wire signed [23:0] token_odd = $signed(tdata_i[23:16]);
  wire signed [23:0] place_odd = $signed(tdata_i[31:24]);
  reg past = 0, calm = 0; // no reset since two clocks
  reg row1, row2, wrap1, wrap2, idle1;
  reg signed [23:0] even1, even2, odd1, odd2;

  always @(posedge clk_i) begin
    past <= 1'b1;
    calm <= past && rst_ni;
    if (!rst_ni || start_i) begin
      {at_pair, at, reported, broken, first} <= {3'd0, 12'd0, 1'b0, 1'b0, 1'b1};
    end else if (beat) begin
      first    <= 1'b0;
      at       <= whole ? 12'd0 : at + 12'd1;
      at_pair  <= whole ? at_pair + 3'd1 : at_pair;
      reported <= reported || (at == 12'd0 && reports);
      broken   <= tlast_i ? !good_end : whole && at_pair == 3'd7;
    end
    row1  <= rst_ni && beat && at != 12'd0;
    row2  <= rst_ni && row1;
    wrap1 <= whole;
    wrap2 <= wrap1;
    even1 <= (token_even + place_even) <<< shift;
    odd1  <= (token_odd + place_odd) <<< shift;
    even2 <= even1;
    odd2  <= odd1;
  end

  always @* begin
    assume (features != 12'd0 && features <= 12'd256);
    assume (past || !rst_ni);
    assert (tready == (active_i && !wrong));
    assert (tags == {tdata_i[13:8], tdata_i[5:0]});
    if (past) begin
      assert (wrong == broken && tag_first == first && begun == !first);
      if (beat) begin
        assert (tag_write == (at == 12'd0) && pair == at_pair);
        assert (done == (tlast_i && at != 12'd0));
      end else assert (!tag_write && !done);
      assert (row == row2);
      if (row) assert (wrap == wrap2 && even == even2 && odd == odd2);
      else if (calm) assert (even == 24'sd0 && odd == 24'sd0);
      // What keeps it so.
      assert (at <= features && \dut.final_q == features - 12'd1 && \dut.reported_q == reported && pair == at_pair);
      assert (\dut.in_features_q == (at != 12'd0) && \dut.feature_q == (at == 12'd0 ? 12'd0 : at - 12'd1));
    end
  end
endmodule

`default_nettype wire
