// linear: acc_o = bias_o + sum_k w_ok * x_k, exactly, for Lanes tokens side by side.
//
// A weight is a short sum of signed powers of two, and the weights are a stream of such digits, one entry a
// clock; a pruned weight is not in the stream at all. An entry {last, double, sign, gap[5:0]} first moves the
// input index on by gap + 1 (a row starts at -1), then every lane adds that input, or subtracts it if sign.
// gap 63 moves on by 63 and adds nothing. double doubles the accumulators before and restarts the index at
// -1: digits come high plane first (Horner). last ends the row. `hwsim.digits` writes such streams.
//
// A frame:
//   s_axis_x  word k is input k of all lanes, int8, lane 0 in the low bits; tlast on the last, up to Inputs;
//   s_axis_w  then the entries; tuser of a row's last entry is the row's bias; tlast ends the frame;
//   m_axis    word o is acc_o of all lanes, AccWidth bits each, lane 0 in the low bits; tlast on the last.
// Arithmetic is modulo 2^AccWidth: `hwsim check` proves from the weights that no partial sum leaves it.
//
// Cycles from the first input to the last row, without stalls: inputs + entries + 3.
`default_nettype none

module linear #(
    parameter integer Lanes    = 16,
    parameter integer Inputs   = 256, // most inputs of a row
    parameter integer AccWidth = 24
) (
    input  wire                      clk_i,
    input  wire                      rst_ni,

    input  wire [       8*Lanes-1:0] s_axis_x_tdata,
    input  wire                      s_axis_x_tvalid,
    output wire                      s_axis_x_tready,
    input  wire                      s_axis_x_tlast,

    input  wire [               8:0] s_axis_w_tdata,
    input  wire [      AccWidth-1:0] s_axis_w_tuser,
    input  wire                      s_axis_w_tvalid,
    output wire                      s_axis_w_tready,
    input  wire                      s_axis_w_tlast,

    output wire [AccWidth*Lanes-1:0] m_axis_tdata,
    output reg                       m_axis_tvalid,
    input  wire                      m_axis_tready,
    output reg                       m_axis_tlast
);
  localparam integer IndexWidth = $clog2(Inputs);
  localparam [5:0] Skip = 6'd63;

  // Nothing moves while a finished row waits for its reader.
  wire advance = !m_axis_tvalid || m_axis_tready;

  // Either the inputs of a frame are loaded, or its entries are read.
  reg loaded_q;
  assign s_axis_x_tready = !loaded_q;
  assign s_axis_w_tready = loaded_q && advance;
  wire x_beat = s_axis_x_tvalid && s_axis_x_tready;
  wire w_beat = s_axis_w_tvalid && s_axis_w_tready;

  reg [8*Lanes-1:0] inputs_q[0:Inputs-1];
  reg [IndexWidth-1:0] write_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      loaded_q <= 1'b0;
      write_q  <= {IndexWidth{1'b0}};
    end else if (x_beat) begin
      loaded_q <= s_axis_x_tlast;
      write_q  <= s_axis_x_tlast ? {IndexWidth{1'b0}} : write_q + 1'b1;
    end else if (w_beat && s_axis_w_tlast) begin
      loaded_q <= 1'b0;
    end
    if (x_beat) inputs_q[write_q] <= s_axis_x_tdata;
  end

  // Stage 1: the entry names an input, which is read. next_q is the index after the last one.
  wire last = s_axis_w_tdata[8];
  wire double = s_axis_w_tdata[7];
  wire skip = s_axis_w_tdata[5:0] == Skip;

  reg first_q;  // the next entry begins a row
  reg [IndexWidth-1:0] next_q;
  wire [IndexWidth-1:0] index = (first_q || double ? {IndexWidth{1'b0}} : next_q)
      + {{(IndexWidth - 6) {1'b0}}, s_axis_w_tdata[5:0]};

  reg read_valid_q, read_first_q, read_last_q, read_double_q, read_sign_q, read_skip_q, read_end_q;
  reg [AccWidth-1:0] read_bias_q;
  reg [8*Lanes-1:0] read_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      first_q      <= 1'b1;
      read_valid_q <= 1'b0;
    end else if (advance) begin
      if (w_beat) first_q <= last;
      read_valid_q <= w_beat;
    end
    if (w_beat) begin
      next_q        <= index + {{(IndexWidth - 1) {1'b0}}, !skip};
      read_q        <= inputs_q[index];
      read_first_q  <= first_q;
      read_last_q   <= last;
      read_double_q <= double;
      read_sign_q   <= s_axis_w_tdata[6];
      read_skip_q   <= skip;
      read_bias_q   <= s_axis_w_tuser;
      read_end_q    <= s_axis_w_tlast;
    end
  end

  // Stage 2: accumulate. Stage 3: add the bias of a finished row.
  reg sum_valid_q, sum_end_q;
  reg [AccWidth-1:0] sum_bias_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      sum_valid_q   <= 1'b0;
      m_axis_tvalid <= 1'b0;
    end else if (advance) begin
      sum_valid_q   <= read_valid_q && read_last_q;
      m_axis_tvalid <= sum_valid_q;
    end
    if (advance) begin
      sum_bias_q   <= read_bias_q;
      sum_end_q    <= read_end_q;
      m_axis_tlast <= sum_end_q;
    end
  end

  genvar lane;
  generate
    for (lane = 0; lane < Lanes; lane = lane + 1) begin : g_lane
      reg [AccWidth-1:0] sum_q, row_q;
      wire [AccWidth-1:0] base =
          read_first_q ? {AccWidth{1'b0}} : read_double_q ? {sum_q[AccWidth-2:0], 1'b0} : sum_q;
      wire [AccWidth-1:0] operand =
          {{(AccWidth - 8) {read_q[8*lane+7]}}, read_q[8*lane+:8]} & {AccWidth{!read_skip_q}};
      wire [AccWidth-1:0] sum_d;

      add_subtract #(
          .Width(AccWidth)
      ) u_step (
          .a_i(base),
          .b_i(operand),
          .subtract_i(read_sign_q && !read_skip_q),
          .y_o(sum_d)
      );

      always @(posedge clk_i) begin
        if (advance && read_valid_q) sum_q <= sum_d;
        if (advance && sum_valid_q) row_q <= sum_q + sum_bias_q;
      end
      assign m_axis_tdata[AccWidth*lane+:AccWidth] = row_q;
    end

    if (Lanes != 1 && (Lanes < 4 || Lanes > 64 || (Lanes & (Lanes - 1)) != 0)) begin : g_lanes
      linear_refuses_lanes_other_than_1_4_8_16_32_64 refused ();
    end
    if (Inputs < 128 || Inputs > 4096 || AccWidth < 16 || AccWidth > 32) begin : g_sizes
      linear_refuses_inputs_outside_128_to_4096_or_acc_width_outside_16_to_32 refused ();
    end
  endgenerate
endmodule

`default_nettype wire
