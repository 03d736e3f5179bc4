// multiplier_8x8_bench: the multiplier as a stream, so that every pair of bytes can be sent through it.
`default_nettype none

module multiplier_8x8_bench #(
    parameter integer Hard = 0
) (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire [32:0] s_axis_tdata, // {number, pass, b, a}
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    output reg  [16:0] m_axis_tdata, // {sign of a passed number, y}
    output reg         m_axis_tvalid,
    input  wire        m_axis_tready
);
  reg [2:0] valid_q;
  reg sign_q;
  wire sign;
  wire [15:0] y;
  wire unused_ready = m_axis_tready;

  multiplier_8x8 #(
      .Hard(Hard)
  ) u_multiplier (
      .clk_i(clk_i),
      .a_i(s_axis_tdata[7:0]),
      .b_i(s_axis_tdata[15:8]),
      .pass_i(s_axis_tdata[16]),
      .number_i(s_axis_tdata[32:17]),
      .kill_i(1'b0),
      .sign_o(sign),
      .y_o(y)
  );

  assign s_axis_tready = 1'b1;

  always @(posedge clk_i) begin
    valid_q       <= rst_ni ? {valid_q[1:0], s_axis_tvalid} : 3'd0;
    sign_q        <= sign;
    m_axis_tvalid <= rst_ni && valid_q[2];
    m_axis_tdata  <= {sign_q, y};
  end
endmodule

`default_nettype wire
